"""SAL: two adversarial parts, one that makes missing pairs and one that aligns the common space.

Cao, Wang, Tao: "Symbiotic Adversarial Learning for Attribute-based Person Search", ECCV 2020.
Read: its released code (ycao5602/SAL @ 85a363e), of which this has networks, losses and weights; of
the paper the abstract alone.

Branches: image feature x (512, a linear map; the code's is the last layer of its ResNet-50) and
attribute feature a = G(y), encoders Ev(x) and Ea(a) into the common space, one attribute and one
category classifier shared by both branches (binary and softmax cross-entropy with label smoothing
0.1; their sum, in the last stage half of it).
Synthesis GAN: x^ = GX(a, noise) and a^ = GA(x), judged as pairs (a, x) by D against real ones, with
a cycle GA(x^) = a and with consistency of their encodings with those of both real partners.
Alignment GAN: DS tells image encodings from attribute encodings, Ea learns to pass for Ev.
Judges end in a sigmoid, and the code's loss takes that for a logit, which bounds what they say.
Their normalisation uses the batch at hand, also where a generator learns from them.
Unseen categories: attribute vectors drawn from the training priors, see `Sal.draw`, go through G,
GX, D, DS and the attribute classifier.
Symbiosis: each GAN's output trains the other: made features enter alignment and classifiers, and
the encoders that alignment shapes judge what synthesis makes.
Stages: image branch alone; both branches; everything.

How it is optimised: the code takes one optimiser a part and steps them in turn.  Here one backward
pass gives each parameter the gradient of its own part's objective alone (detached inputs, and
`fixed` networks for what judges a generator), and Adam, whose state is a parameter's own, steps
them all at once.  So a run resumes exactly.  Rates of the code: 3e-5; then 1e-3 for image branch
and classifiers, 1e-2 for attribute branch and (again) classifiers; in the third stage 1e-4 (its
other script: 5e-5, and 5e-4 for GX, GA and D); each halved at steps; Adam with decay 5e-4.

Departures: frozen cached features of a shared parent (``retrieval.parent``) instead of a trained
ResNet-50; the common epochs, shared as the code's 100, 100 and 60 (PETA: 200, 200, 60); one rate
for all parts, between the code's 1e-3 and 1e-2, which the schedule has brought to about its 1e-4
when the adversaries come in; priors of images, not of persons, on Market-1501; the encoders'
averages see a sample once or twice a step (the code's one to three times).  Cost: seconds.
"""

from collections.abc import Sequence

import torch
from mmengine.logging import MessageHub
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, SHARE, WIDTH, Declared, Several
from clear_bench.models.adversarial import (
    SMOOTHING,
    Bounded,
    draw_persons,
    judge,
    judged_by,
    smooth_bce,
    told,
)
from clear_bench.models.joint_space import JointSpace, fixed

FILLED = 0.8  # share of images with a member from which on a group is drawn as one category
STAGES = ("image", "both", "adversarial")


@MODELS.register_module()
class Sal(JointSpace):
    """All networks of SAL.  For retrieval only the branches and encoders are used.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: See `JointSpace`.
        width: Of image and attribute features.
        dim: Of the common space.
        noise: Width of the noise that goes into GX.
        fakes: Attribute vectors drawn from the priors in each step.
        stages: Shares of training after which the second and the third stage begin.
    """

    def __init__(
        self,
        table: str,
        feature_dropout: float,
        width: int,
        dim: int,
        noise: int,
        fakes: int,
        stages: Sequence[float],
    ) -> None:
        super().__init__(table, feature_dropout)
        self.alone("parts that rest in a stage have no gradient for processes to share")
        self.noise, self.fakes, self.stages = noise, fakes, list(stages)
        self.done = 1.0  # share of training behind us; a run sets it, see `forward`
        categories, attributes = self.vectors.shape
        self.image = nn.Linear(self.feature_size, width)
        self.attribute = Bounded(attributes, 64, 128, 256, width)
        self.encode_image = Bounded(width, 512, 256, dim)
        self.encode_attribute = Bounded(width, 512, 256, dim)
        self.attributes_of = nn.Linear(dim, attributes)
        self.category_of = nn.Linear(dim, categories)
        self.to_image = Bounded(width + noise, 256, 128, 256, width)
        self.to_attribute = Bounded(width, 256, 128, 256, width)
        self.judge_pair = judge(2 * width)
        self.judge_space = judge(dim)
        self.priors = self.counts @ self.vectors / self.counts.sum()  # of attributes, on the CPU
        members = [(self.groups == g).nonzero()[:, 0] for g in range(int(self.groups.max()) + 1)]
        self.exclusive = [m for m in members if len(m) > 1 and self.priors[m].sum() >= FILLED]
        taken = torch.cat([*self.exclusive, self.groups[:0]])
        self.lone = torch.tensor([k for k in range(attributes) if k not in taken], dtype=torch.long)
        present = round(float(self.priors[self.lone].sum()))
        self.present = min(present, int((self.priors[self.lone] > 0).sum()))

    @property
    def stage(self) -> str:
        """The stage of training we are in."""
        return STAGES[sum(self.done >= begin for begin in self.stages)]

    def forward(
        self,
        features: Tensor,
        mirrored: Tensor,
        category: Tensor,
        rows: Tensor,
        mode: str = "loss",
    ) -> dict[str, Tensor]:
        """Take the share of training done from mmengine's runtime facts, then as every model."""
        hub = MessageHub.get_current_instance()
        self.done = hub.get_info("epoch") / hub.get_info("max_epochs")
        return super().forward(features, mirrored, category, rows, mode)

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors to unit vectors ``(Q, dim)``."""
        return F.normalize(self.encode_attribute(self.attribute(vectors)), dim=1)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map features to unit vectors ``(N, dim)``; the probabilities are not used."""
        return F.normalize(self.encode_image(self.image(self.centred(features))), dim=1)

    def draw(self, count: int) -> Tensor:
        """Return ``(count, A)`` attribute vectors of persons that need not exist."""
        drawn = draw_persons(self.priors, self.exclusive, self.lone, self.present, count)
        return drawn.to(self.vectors.device)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the losses of the stage we are in."""
        x = self.image(self.centred(features))
        if self.stage == "adversarial":
            return self._everything(x, category)
        losses = {"loss_image": self._classify(self.encode_image(x), category)}
        if self.stage == "both":
            code_a = self.encode_attribute(self.attribute(self.vectors[category]))
            losses["loss_attribute"] = self._classify(code_a, category)
        return losses

    def _everything(self, x: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the losses of the last stage, in the code's order: normalisation remembers it."""
        a, drawn = self.attribute(self.vectors[category]), self.draw(self.fakes)
        unseen = self.attribute(drawn)
        share = len(x) / (len(x) + len(drawn))
        made = self._make(x.detach(), a.detach(), unseen.detach())
        losses = self._synthesis(x.detach(), a.detach(), unseen.detach(), made, share)
        code_x_made, code_x = self.encode_image(made["x"].detach()), self.encode_image(x)
        code_x_unseen = self.encode_image(made["x_unseen"]).detach()
        images = [(1.0, code_x), (share, code_x_made), (1 - share, code_x_unseen)]
        queries = [(share, a), (1.0, made["a"]), (1 - share, unseen)]
        losses |= self._alignment(images, queries)
        seen = self._classify(code_x, category) + self._classify(code_x_made, category)
        named = smooth_bce(self.attributes_of(self.encode_attribute(unseen)), drawn)
        losses["loss_image"] = seen / 2
        losses["loss_attribute"] = (
            self._classify(self.encode_attribute(a), category, share)
            + self._classify(self.encode_attribute(made["a"].detach()), category)
            + (1 - share) * named
        ) / 2
        return losses

    def _classify(self, common: Tensor, category: Tensor, share: float = 1.0) -> Tensor:
        """Return the attribute loss, times ``share``, and the category loss of encodings."""
        attributes = smooth_bce(self.attributes_of(common), self.vectors[category])
        categories = F.cross_entropy(self.category_of(common), category, label_smoothing=SMOOTHING)
        return share * attributes + categories

    def _make(self, x: Tensor, a: Tensor, unseen: Tensor) -> dict[str, Tensor]:
        """Return the features that the synthesis GAN makes of those of a batch."""

        def with_noise(feature: Tensor) -> Tensor:
            noise = torch.randn(len(feature), self.noise).to(feature.device)
            return torch.cat([feature, noise], dim=1)

        return {
            "x": self.to_image(with_noise(a)),
            "a": self.to_attribute(x),
            "x_unseen": self.to_image(with_noise(unseen)),
        }

    def _synthesis(
        self, x: Tensor, a: Tensor, unseen: Tensor, made: dict[str, Tensor], share: float
    ) -> dict[str, Tensor]:
        """Return the losses of the pair judge and of both generators."""
        pairs = [
            (1.0, a, x, True),
            (share, a, made["x"], False),
            (1 - share, unseen, made["x_unseen"], False),
            (1.0, made["a"], x, False),
        ]
        judged, fooled = x.new_zeros(()), x.new_zeros(())
        for weight, left, right, real in pairs:
            pair = torch.cat([left, right], dim=1)
            judged = judged + weight * told(self.judge_pair(pair.detach()), real)
            if not real:
                fooled = fooled + weight * told(judged_by(self.judge_pair, pair), True)
        code_x, code_a = fixed(self.encode_image, x), fixed(self.encode_attribute, a)
        code_unseen = fixed(self.encode_attribute, unseen)
        code_x_made = fixed(self.encode_image, made["x"])
        code_a_made = fixed(self.encode_attribute, made["a"])
        code_x_unseen = fixed(self.encode_image, made["x_unseen"])
        consistent = (
            share * F.mse_loss(code_x_made, code_a)
            + F.mse_loss(code_x_made, code_x)
            + (1 - share) * F.mse_loss(code_x_unseen, code_unseen)
            + F.mse_loss(code_a_made, code_x)
            + F.mse_loss(code_a_made, code_a)
        )
        cycle = share * F.mse_loss(self.to_attribute(made["x"]), a)
        cycle = cycle + (1 - share) * F.mse_loss(self.to_attribute(made["x_unseen"]), unseen)
        return {"loss_judge_pair": judged, "loss_made": fooled + consistent + cycle}

    def _alignment(
        self, images: list[tuple[float, Tensor]], queries: list[tuple[float, Tensor]]
    ) -> dict[str, Tensor]:
        """Return the losses of the space judge and of the attribute encoder that it judges.

        Args:
            images: (weight, encodings ``(N, dim)``) of real and made images.
            queries: (weight, attribute features ``(N, width)``).
        """
        judged = torch.zeros((), device=self.feature_mean.device)
        fooled = torch.zeros_like(judged)
        for weight, code in images:
            judged = judged + weight * told(self.judge_space(code.detach()), True)
        for weight, feature in queries:
            code = self.encode_attribute(feature.detach())
            judged = judged + weight * told(self.judge_space(code.detach()), False)
            fooled = fooled + weight * told(judged_by(self.judge_space, code), True)
        return {"loss_judge_space": judged, "loss_aligned": fooled}


METHOD = Method(
    title="SAL",
    cite="Cao et al., ECCV 2020",
    family="adversarial",
    papers=[
        {
            "authors": "Cao, Yu-Tong and Wang, Jingya and Tao, Dacheng",
            "title": "Symbiotic Adversarial Learning for Attribute-based Person Search",
            "venue": "ECCV",
            "year": 2020,
            "pages": "230-247",
            "url": "https://github.com/ycao5602/SAL",
            "read": "README of ycao5602/SAL",
        },
    ],
    options={
        "retrieval": Declared(
            {
                **dict.fromkeys(("width", "dim", "noise", "fakes"), WIDTH),
                "feature_dropout": DROPOUT,
                "stages": Several(SHARE, 2, 2),
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {
            "type": "Sal",
            "feature_dropout": 0.1,
            "width": 512,
            "dim": 128,
            "noise": 400,
            "fakes": 128,
            "stages": [0.38, 0.76],
        },
        "train": {"epochs": 12, "batch_size": 128, "lr": 3e-3, "warmup_epochs": 0},
    },
    numbers={"retrieval": 2},
    profiles={
        "paper": {
            "retrieval": {
                "model": {"stages": [100 / 260, 200 / 260]},
                "train": {
                    "epochs": 260,
                    "optimizer": "Adam",
                    "lr": 1e-3,
                    "rates": {"attribute": 10.0, "encode_attribute": 10.0},
                    "weight_decay": 5e-4,
                    "schedule": "step",
                    "milestones": [120, 140, 160, 180, 220, 240],
                    "factor": 0.5,
                    "clip_norm": 0.0,
                    "precision": "fp32",
                },
            }
        }
    },
)

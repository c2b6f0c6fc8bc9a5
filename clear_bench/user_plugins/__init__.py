"""One's own data sets, methods and studies, outside the project, as modules of this package.

Its modules are the files of the folders that `clear_bench.config.plugins.user_folders` names, so
every process that inherits the variable can import them.  A file may import another one of them:
``from clear_bench.user_plugins.NAME import ..``.
"""

from clear_bench.config.plugins import user_folders

__path__ = [str(folder) for folder in user_folders()]

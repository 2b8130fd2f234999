"""The replication of Tables 2-6 in one folder: data, store, runs, tables, figures, notebooks.

Every step does only what is missing, so a second call is quick and an interrupted one goes on.
"""

from mvemotion.replication.opening import ENVIRONMENT, open_workspace, results_folder
from mvemotion.replication.workspace import Workspace

__all__ = ["ENVIRONMENT", "Workspace", "open_workspace", "results_folder"]

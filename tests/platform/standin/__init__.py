"""An in-memory stand-in for the Kubernetes API server, enough for Helm and kubectl.

It knows kinds, holds objects, watches, validates strictly, and says that Jobs are complete and workloads ready as soon
as what their pods name is there. Nothing runs: it is no cluster, and proves nothing about scheduling, admission, CEL,
networks or the programs themselves.
"""

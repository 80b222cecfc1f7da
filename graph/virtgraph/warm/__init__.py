"""Ansible without its start-up: a process that has it imported forks a child per Run.

ansible-runner starts `ansible-playbook` as ever; first in the Run's PATH that is client.py, which asks the
warm process (server.py). Between them and the play stands a guard (guard.py): when the Run's worker is gone,
the play and everything under it goes too. Where no warm process answers, or its fingerprint differs, the
client becomes the ordinary ansible-playbook under the same guard (cold.py). process.py is the worker's handle
on the warm process.
"""

"""Importing this makes the roles' shared modules importable under the names that Ansible gives them."""

from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "roles" / "libvirt" / "module_utils"))

"""Joins, moves and leaves as a SCIM client does it: drive.py URL TOKEN."""

import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp, PatchOperation

url, token = sys.argv[1:3]
http = Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
scim = SyncSCIMClient(http)
scim.discover()
User = scim.get_resource_model("User")

joiner = User(user_name="ada@example.com", display_name="Ada Lovelace", external_id="E-1", active=True)
# The models are made from what the server's schemas say.
enterprise = next(one for one in User.get_extension_models().values() if "department" in one.model_fields)
joiner[enterprise] = enterprise(department="Sales")
made = scim.create(joiner)
assert made.id and made.meta.location.endswith(made.id), made

made[enterprise].department = "Finance"
moved = scim.replace(made)
assert moved[enterprise].department == "Finance", moved

leaving = PatchOp[User](operations=[PatchOperation(op="replace", path="active", value=False)])
left = scim.modify(User, made.id, leaving)
assert left is None or left.active is False, left
assert scim.query(User, made.id).active is False

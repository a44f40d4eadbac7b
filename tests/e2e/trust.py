"""GET /ca.pem: what an agent has to trust, from the proxy itself. And `clawbox trust`, which fetches it for a pod."""

import base64
import os
import ssl

from appliance import Agent
from cas import certificates, trusts
from lifecycle import HOST, place
from scenarios import absent, equal, get


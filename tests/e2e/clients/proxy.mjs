// Preloaded: Node before version 24 does not read HTTPS_PROXY itself (NODE_USE_ENV_PROXY), and undici's agent does.
import { ProxyAgent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new ProxyAgent(process.env.HTTPS_PROXY));

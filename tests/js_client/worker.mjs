// The client in a worker. It uses the session of its page.
import { Latchkey } from "/app/latchkey.js";

const auth = new Latchkey();
onmessage = async () => postMessage(await auth.profileUpdate({ bio: "from a worker" }).then((user) => user.bio, String));

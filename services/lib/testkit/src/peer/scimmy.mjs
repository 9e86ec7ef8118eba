// SCIMMY for tests: its Express routers over storage in memory, which is all that a service has to bring.
//
//     scimmy.mjs NODE_MODULES TOKEN
//
// It listens on a free port of 127.0.0.1 and prints it.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const [folder, token] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const [express, SCIMMY, Routers] = ["express", "scimmy", "scimmy-routers"].map((name) => require(name).default ?? require(name));
const { Resources, Schemas, Types } = SCIMMY;

for (const type of [Resources.User.extend(Schemas.EnterpriseUser), Resources.Group]) {
    const kept = new Map();
    const find = (id) => kept.get(id) ?? (() => { throw new Types.Error(404, null, "There is no such resource"); })();
    Resources.declare(type)
        .ingress(({ id }, data) => {
            const login = data.userName?.toLowerCase();
            const others = [...kept.values()].filter((other) => other.id !== id);
            if (login && others.some((other) => other.userName.toLowerCase() === login))
                throw new Types.Error(409, "uniqueness", "The userName is taken");
            const resource = { ...JSON.parse(JSON.stringify(data)), id: id ? find(id).id : randomUUID() };
            kept.set(resource.id, resource);
            return resource;
        })
        .egress(({ id, filter }) => (id ? find(id) : filter ? filter.match([...kept.values()]) : [...kept.values()]))
        .degress(({ id }) => kept.delete(find(id).id));
}

const handler = (request) => {
    if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("The token is not accepted");
    return "tenure";
};
const server = express()
    .use("/scim", new Routers({ type: "bearer", handler }))
    .listen(0, "127.0.0.1", () => console.log(server.address().port));

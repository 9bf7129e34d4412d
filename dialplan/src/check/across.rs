//! Checks that need more than one table of the file.

use crate::model::{ApiClient, DialStep, File, Outbound, OutboundRefusal, RouteFile, Step, TransferStep, Trunk};
use crate::report::Code;
use crate::rule::Reader;
use crate::value::{DialTarget, Direction, IdentityPolicy, Number, TransferMode};

/// What the tables say of each other. Names that do not exist were reported before.
pub(crate) fn across(cx: &mut Reader<'_>, file: &File) {
    for (index, trunk) in file.trunks.iter().enumerate() {
        identity_of_trunk(cx, index, trunk, file);
    }
    for (index, route) in file.routes.iter().enumerate() {
        let path = format!("route[{index}]");
        attest(cx, &path, route, file);
        for (at, step) in route.steps.iter().flatten().enumerate() {
            let path = format!("{path}.do[{at}]");
            match step {
                Step::Dial(dial) => dial_step(cx, &format!("{path}.dial"), dial, file),
                Step::Transfer(transfer) => transfer_step(cx, &format!("{path}.transfer"), transfer, (route, file)),
                Step::Ring | Step::Answer | Step::Play(_) | Step::App(_) | Step::Stream(_) | Step::Hangup => {}
            }
        }
    }
    for (index, client) in file.api.iter().flat_map(|api| &api.clients).enumerate() {
        api_client(cx, &format!("api.client[{index}]"), client, file);
    }
}

/// Nothing is verified without roots.
fn identity_of_trunk(cx: &mut Reader<'_>, index: usize, trunk: &Trunk, file: &File) {
    match trunk.identity {
        Some(policy @ (IdentityPolicy::Mark | IdentityPolicy::Refuse)) if file.identity.is_none() => {
            let place = cx.place(&format!("trunk[{index}].identity"));
            let message = format!("`identity = \"{policy}\"`, and nothing says which roots are believed");
            cx.error(
                Code::Conflict,
                place,
                message,
                "add [identity] roots = { file = \"/etc/strongline/sti-roots.pem\" }",
            );
        }
        Some(_) | None => {}
    }
}

/// A condition on attestations that are never looked at.
fn attest(cx: &mut Reader<'_>, path: &str, route: &RouteFile, file: &File) {
    if route.when.attest.is_empty() {
        return;
    }
    let place = cx.place(&format!("{path}.when.attest"));
    if route.when.direction == Some(Direction::Outbound) {
        let message = "`attest` is about calls that come in, and this route is for calls that we place";
        return cx.error(Code::Conflict, place, message, "remove `attest`");
    }
    if file.identity.is_none() {
        let message = "`attest` is asked, and no identity is ever verified";
        let help = "add [identity] roots = { file = \"/etc/strongline/sti-roots.pem\" }";
        return cx.error(Code::Conflict, place, message, help);
    }
    let named = |trunk: &&Trunk| route.when.trunk.is_empty() || route.when.trunk.contains(&trunk.name);
    if let Some(ignored) = file.trunks.iter().filter(named).find(|trunk| trunk.identity == Some(IdentityPolicy::Ignore))
    {
        let message = format!("identities of trunk \"{}\" are ignored: its calls always count as `none`", ignored.name);
        cx.warn(Code::Doubtful, place, message, "set `identity = \"mark\"` there, or name other trunks in `when`");
    }
}

fn dial_step(cx: &mut Reader<'_>, path: &str, step: &DialStep, file: &File) {
    let trunk = file.trunks.iter().find(|trunk| trunk.name == step.trunk);
    leg(cx, path, trunk, &step.to, step.from.as_ref());
}

fn transfer_step(cx: &mut Reader<'_>, path: &str, step: &TransferStep, (route, file): (&RouteFile, &File)) {
    if let Some(name) = &step.trunk {
        let trunk = file.trunks.iter().find(|trunk| trunk.name == *name);
        return leg(cx, path, trunk, &step.to, step.from.as_ref());
    }
    if step.mode != TransferMode::Blind {
        return;
    }
    // The call stays on its own trunk, which is any that the route is for.
    let named = |trunk: &&Trunk| route.when.trunk.is_empty() || route.when.trunk.contains(&trunk.name);
    for trunk in file.trunks.iter().filter(named) {
        leg(cx, path, Some(trunk), &step.to, None);
    }
}

/// A second leg: the trunk places calls, may reach the target, and may show the number.
fn leg(cx: &mut Reader<'_>, path: &str, trunk: Option<&Trunk>, to: &DialTarget, from: Option<&Number>) {
    let Some(trunk) = trunk else { return };
    let name = &trunk.name;
    match trunk.may_place(to, from) {
        Ok(_) => {}
        Err(OutboundRefusal::Destination) => {
            let place = cx.place(&format!("{path}.to"));
            let key = match to {
                DialTarget::Number(_) => "destinations",
                DialTarget::Uri(_) => "uris",
            };
            let message = format!("trunk \"{name}\" may not call this: its `outbound.{key}` does not list it");
            cx.error(Code::Conflict, place, message, format!("add it to `{key}` of that trunk, or use another trunk"));
        }
        Err(OutboundRefusal::Caller) => {
            let place = cx.place(&format!("{path}.from"));
            let message = format!("trunk \"{name}\" may not show this number: its `outbound.from` does not list it");
            cx.error(Code::Conflict, place, message, "add it to `from` of that trunk, or show one that it lists");
        }
        Err(OutboundRefusal::NotOutbound | OutboundRefusal::NoTrunk) => {
            let place = cx.place(&format!("{path}.to"));
            let message = format!("no call leaves by trunk \"{name}\": it has no `outbound`");
            cx.error(Code::Conflict, place, message, "add [trunk.outbound] there, or name another trunk");
        }
    }
}

/// A client of the API places calls by trunks that can, and shows numbers that they may show.
fn api_client(cx: &mut Reader<'_>, path: &str, client: &ApiClient, file: &File) {
    let mut outbounds: Vec<&Outbound> = Vec::new();
    for (index, name) in client.trunks.iter().enumerate() {
        let Some(trunk) = file.trunks.iter().find(|trunk| trunk.name == *name) else { return };
        let Some(outbound) = &trunk.outbound else {
            let place = cx.place(&format!("{path}.trunks[{index}]"));
            let message = format!("no call leaves by trunk \"{name}\": it has no `outbound`");
            return cx.error(Code::Conflict, place, message, "add [trunk.outbound] there, or remove it here");
        };
        outbounds.push(outbound);
    }
    for (index, pattern) in client.from.iter().enumerate() {
        let shown = |outbound: &&Outbound| outbound.from.iter().any(|wide| wide.covers(pattern));
        if !outbounds.iter().any(shown) {
            let listed = cx.place(&format!("{path}.from[{index}]"));
            let place = if listed.is_empty() { cx.place(&format!("{path}.from")) } else { listed };
            let message = format!("`{pattern}` is not in `outbound.from` of any of its trunks");
            cx.error(Code::Conflict, place, message, "add it there, or remove it here");
        }
    }
}

//! The networks of config.yaml: checks of their subnets and of the services' addresses.

use core::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Problem;
use super::services::services;

/// A network with a valid subnet.
struct Subnet<'v> {
    name: &'v str,
    range: IpNet,
}

fn subnets(config: &Value) -> Vec<Subnet<'_>> {
    let networks = config.get("networks").and_then(Value::as_object);
    networks
        .into_iter()
        .flatten()
        .filter_map(|(name, network)| {
            let range = network.get("subnet")?.as_str()?.parse().ok()?;
            Some(Subnet { name, range })
        })
        .collect()
}

/// The network whose subnet has the service's fixed address, among those that the service is in.
pub(super) fn of_ip(config: &Value, service: &Value) -> Option<String> {
    let ip: IpAddr = service.get("ip")?.as_str()?.parse().ok()?;
    let mine = service.get("networks").and_then(Value::as_array);
    let is_in = |name: &str| mine.is_none_or(|list| list.iter().any(|own| own == name));
    let found = subnets(config).into_iter().find(|s| s.range.contains(&ip) && is_in(s.name));
    found.map(|subnet| subnet.name.to_owned())
}

/// Errors of networks and addresses.
pub(super) fn check(config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let networks = config.get("networks").and_then(Value::as_object);
    for (name, network) in networks.into_iter().flatten() {
        problems.extend(one(name, network));
    }
    let subnets = subnets(config);
    for (at, later) in subnets.iter().enumerate() {
        let overlap = |earlier: &&Subnet| {
            earlier.range.contains(&later.range) || later.range.contains(&earlier.range)
        };
        if let Some(earlier) = subnets[..at].iter().find(overlap) {
            let message =
                format!("{} overlaps with {} of {}", later.range, earlier.range, earlier.name);
            let help = "give each network addresses of its own";
            problems.push(Problem::new(&["networks", later.name, "subnet"], message, help));
        }
    }
    problems.extend(members(config, &subnets));
    problems
}

fn one(name: &str, network: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let text = |key: &str| network.get(key).and_then(Value::as_str);
    let is_external = network.get("external") == Some(&Value::Bool(true));
    let at = |key: &'static str| ["networks", name, key].map(str::to_owned);
    let mut wrong = |key: &'static str, message: String, help: &str| {
        let keys = at(key);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        problems.push(Problem::new(&keys, message, help));
    };
    if is_external && (text("subnet").is_some() || text("gateway").is_some()) {
        wrong(
            "external",
            "a network that exists has its addresses already".to_owned(),
            "remove subnet and gateway",
        );
    }
    let Some(subnet) = text("subnet") else {
        if text("gateway").is_some() && !is_external {
            wrong(
                "gateway",
                "there is no subnet that it is in".to_owned(),
                "add the subnet, such as 172.30.0.0/24",
            );
        }
        return problems;
    };
    let range: IpNet = match subnet.parse() {
        Ok(range) => range,
        Err(_) => {
            let message = format!("{subnet:?} is not a subnet");
            wrong(
                "subnet",
                message,
                "write an address and the length of its prefix: 172.30.0.0/24",
            );
            return problems;
        }
    };
    let trunk = range.trunc();
    if trunk != range {
        wrong(
            "subnet",
            format!("{range} is an address in {trunk}"),
            "write the subnet's first address",
        );
    }
    if range.prefix_len() + 2 > range.max_prefix_len() {
        wrong(
            "subnet",
            format!("{range} has no addresses for services"),
            "use a shorter prefix, such as /24",
        );
    }
    if let Some(gateway) = text("gateway").and_then(|ip| ip.parse::<IpAddr>().ok())
        && !range.contains(&gateway)
    {
        wrong("gateway", format!("{gateway} is not in {range}"), "use an address of the subnet");
    }
    problems
}

/// Which networks services are in, and at which addresses.
fn members(config: &Value, subnets: &[Subnet<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let networks = config.get("networks").and_then(Value::as_object);
    let mut taken: Vec<(IpAddr, String)> = Vec::new();
    for (path, service) in services(config) {
        let own = service.get("networks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (at, name) in own.iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            if networks.is_none_or(|known| !known.contains_key(name)) {
                let message = format!("there is no network {name}");
                let at = at.to_string();
                let keys = [path.as_slice(), &["networks", &at]].concat();
                problems.push(Problem::new(&keys, message, "add it below networks"));
            }
        }
        let Some(ip) = service.get("ip").and_then(Value::as_str) else { continue };
        let Ok(address) = ip.parse::<IpAddr>() else { continue };
        let keys = [path.as_slice(), &["ip"]].concat();
        let mut wrong =
            |message: String, help: &str| problems.push(Problem::new(&keys, message, help));
        match of_ip(config, service) {
            None => wrong(
                format!("{ip} is in no subnet of its networks"),
                "give one of its networks a subnet that has this address",
            ),
            Some(name) => {
                let range = subnets.iter().find(|s| s.name == name).map(|s| s.range);
                let gateway =
                    networks.and_then(|n| n[&name].get("gateway")).and_then(Value::as_str);
                let gateway =
                    gateway.and_then(|ip| ip.parse().ok()).or_else(|| range?.hosts().next());
                if range.is_some_and(|r| [r.network(), r.broadcast()].contains(&address)) {
                    wrong(
                        format!("{ip} is not the address of a host"),
                        "use an address between the first and the last",
                    );
                } else if gateway == Some(address) {
                    wrong(
                        format!("{ip} is the address of the host in {name}"),
                        "use another address",
                    );
                }
            }
        }
        if let Some((_, other)) = taken.iter().find(|(taken, _)| *taken == address) {
            wrong(
                format!("{ip} is the address of {other}, too"),
                "give each service an address of its own",
            );
        }
        taken.push((address, path.join(".")));
    }
    problems
}

//! Kubernetes' network types: URLs, addresses, address ranges.

use super::{Cost, Function, Meter, Outcome, Param, global, member, text};
use crate::cel::error::EvalError;
use crate::cel::types::Opaque;
use crate::cel::url::Url;
use crate::cel::value::Val;
use Param::{Bool, Int, Map, String as Str};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

const URL: Param = Param::Opaque(Opaque::Url);
const IP: Param = Param::Opaque(Opaque::Ip);
const CIDR: Param = Param::Opaque(Opaque::Cidr);

pub(super) const FUNCTIONS: &[Function] = &[
    global("url", &[Str], URL, Cost::First, |_, args| {
        let url = Url::parse(text(args, 0)).map(|it| Val::Url(Rc::new(it)));
        url.ok_or_else(|| {
            EvalError::failed(format!("URL parse error during conversion from string: {}", text(args, 0)))
        })
    }),
    global("isURL", &[Str], Bool, Cost::First, |_, args| Ok(Val::Bool(Url::parse(text(args, 0)).is_some()))),
    member("getScheme", &[URL], Str, Cost::One, |_, args| part(args, |it| it.scheme())),
    member("getHost", &[URL], Str, Cost::One, |_, args| part(args, |it| it.host())),
    member("getHostname", &[URL], Str, Cost::One, |_, args| part(args, |it| it.hostname())),
    member("getPort", &[URL], Str, Cost::One, |_, args| part(args, |it| it.port())),
    member("getEscapedPath", &[URL], Str, Cost::One, |_, args| part(args, |it| it.path())),
    member("getQuery", &[URL], Map, Cost::One, query),
    global("ip", &[Str], IP, Cost::First, |_, args| match parse_ip(text(args, 0)) {
        Some(ip) => Ok(Val::Ip(ip)),
        None => {
            Err(EvalError::failed(format!("IP Address {:?} parse error during conversion", text(args, 0))))
        }
    }),
    global("isIP", &[Str], Bool, Cost::First, |_, args| Ok(Val::Bool(parse_ip(text(args, 0)).is_some()))),
    global("ip.isCanonical", &[Str], Bool, Cost::First, |_, args| match parse_ip(text(args, 0)) {
        Some(ip) => Ok(Val::Bool(ip.to_string() == text(args, 0))),
        None => {
            Err(EvalError::failed(format!("IP Address {:?} parse error during conversion", text(args, 0))))
        }
    }),
    member("family", &[IP], Int, Cost::One, |_, args| {
        Ok(Val::Int(if ip(args, 0).is_ipv4() { 4 } else { 6 }))
    }),
    member("isUnspecified", &[IP], Bool, Cost::One, |_, args| Ok(Val::Bool(ip(args, 0).is_unspecified()))),
    member("isLoopback", &[IP], Bool, Cost::One, |_, args| Ok(Val::Bool(ip(args, 0).is_loopback()))),
    member("isLinkLocalMulticast", &[IP], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(is_link_local_multicast(ip(args, 0))))
    }),
    member("isLinkLocalUnicast", &[IP], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(is_link_local_unicast(ip(args, 0))))
    }),
    member("isGlobalUnicast", &[IP], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(is_global_unicast(ip(args, 0))))
    }),
    global("cidr", &[Str], CIDR, Cost::First, |_, args| match text(args, 0).parse() {
        Ok(cidr) => Ok(Val::Cidr(cidr)),
        Err(_) => Err(EvalError::failed(format!(
            "network address parse error during conversion: {}",
            text(args, 0)
        ))),
    }),
    global("isCIDR", &[Str], Bool, Cost::First, |_, args| {
        Ok(Val::Bool(text(args, 0).parse::<IpNet>().is_ok()))
    }),
    member("containsIP", &[CIDR, IP], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(cidr(args, 0).contains(&ip(args, 1))))
    }),
    member("containsIP", &[CIDR, Str], Bool, Cost::Second, |_, args| match parse_ip(text(args, 1)) {
        Some(ip) => Ok(Val::Bool(cidr(args, 0).contains(&ip))),
        None => Err(EvalError::failed(format!("IP Address {:?} parse error", text(args, 1)))),
    }),
    member("containsCIDR", &[CIDR, CIDR], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(cidr(args, 0).contains(&cidr(args, 1))))
    }),
    member("containsCIDR", &[CIDR, Str], Bool, Cost::Second, |_, args| {
        match text(args, 1).parse::<IpNet>() {
            Ok(other) => Ok(Val::Bool(cidr(args, 0).contains(&other))),
            Err(_) => Err(EvalError::failed(format!("network address parse error: {}", text(args, 1)))),
        }
    }),
    member("ip", &[CIDR], IP, Cost::One, |_, args| Ok(Val::Ip(cidr(args, 0).addr()))),
    member("masked", &[CIDR], CIDR, Cost::One, |_, args| Ok(Val::Cidr(cidr(args, 0).trunc()))),
    member("prefixLength", &[CIDR], Int, Cost::One, |_, args| {
        Ok(Val::Int(i64::from(cidr(args, 0).prefix_len())))
    }),
];

/// An address without a zone, and none of IPv4 in IPv6.
fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().filter(|it: &IpAddr| !matches!(it, IpAddr::V6(six) if six.to_ipv4_mapped().is_some()))
}

fn ip(args: &[Val<'_>], index: usize) -> IpAddr {
    match args.get(index) {
        Some(Val::Ip(ip)) => *ip,
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn cidr(args: &[Val<'_>], index: usize) -> IpNet {
    match args.get(index) {
        Some(Val::Cidr(cidr)) => *cidr,
        _ => IpNet::default(),
    }
}

fn part<'a>(args: &[Val<'a>], part: fn(&Url) -> &str) -> Outcome<'a> {
    match &args[0] {
        Val::Url(url) => Ok(Val::made(part(url))),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn query<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let Val::Url(url) = &args[0] else { return Err(EvalError::no_such_overload()) };
    meter.text(url.source().len())?;
    let list = |values: Vec<String>| Val::list(values.into_iter().map(Val::made).collect());
    Ok(Val::map(url.query().into_iter().map(|(name, values)| (Val::made(name), list(values))).collect()))
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(it) => it.octets()[..3] == [224, 0, 0],
        IpAddr::V6(it) => it.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local_unicast(ip))
}

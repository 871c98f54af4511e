//! Kubernetes' own types: quantities and versions.

use super::{Cost, Function, Meter, Outcome, Param, global, int, member, text};
use crate::cel::error::EvalError;
use crate::cel::types::Opaque;
use crate::cel::value::Val;
use Param::{Bool, Double, Int, String as Str};
use api::quantity::Amount;
use std::cmp::Ordering;

const QUANTITY: Param = Param::Opaque(Opaque::Quantity);
const SEMVER: Param = Param::Opaque(Opaque::Semver);

pub(super) const FUNCTIONS: &[Function] = &[
    global("quantity", &[Str], QUANTITY, Cost::First, |_, args| {
        Amount::parse(text(args, 0)).map(Val::Quantity).map_err(|it| EvalError::failed(it.to_string()))
    }),
    global("isQuantity", &[Str], Bool, Cost::First, |_, args| {
        Ok(Val::Bool(Amount::parse(text(args, 0)).is_ok()))
    }),
    member("sign", &[QUANTITY], Int, Cost::One, |_, args| {
        Ok(Val::Int(amount(args, 0).cmp(&Amount::default()) as i64))
    }),
    member("isInteger", &[QUANTITY], Bool, Cost::One, |_, args| Ok(Val::Bool(amount(args, 0).is_whole()))),
    member("asInteger", &[QUANTITY], Int, Cost::One, |_, args| match amount(args, 0) {
        amount if amount.is_whole() => Ok(Val::Int(amount.value())),
        _ => Err(EvalError::failed("cannot convert value to integer")),
    }),
    member("asApproximateFloat", &[QUANTITY], Double, Cost::One, |_, args| {
        let amount = amount(args, 0);
        let whole = amount.is_whole();
        Ok(Val::Double(if whole { amount.value() as f64 } else { amount.milli_value() as f64 / 1000.0 }))
    }),
    member("add", &[QUANTITY, QUANTITY], QUANTITY, Cost::One, |_, args| {
        Ok(Val::Quantity(amount(args, 0) + amount(args, 1)))
    }),
    member("add", &[QUANTITY, Int], QUANTITY, Cost::One, |_, args| {
        Ok(Val::Quantity(amount(args, 0) + Amount::whole(int(args, 1, 0))))
    }),
    member("sub", &[QUANTITY, QUANTITY], QUANTITY, Cost::One, |_, args| {
        Ok(Val::Quantity(amount(args, 0) - amount(args, 1)))
    }),
    member("sub", &[QUANTITY, Int], QUANTITY, Cost::One, |_, args| {
        Ok(Val::Quantity(amount(args, 0) - Amount::whole(int(args, 1, 0))))
    }),
    member("isGreaterThan", &[QUANTITY, QUANTITY], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(amount(args, 0) > amount(args, 1)))
    }),
    member("isLessThan", &[QUANTITY, QUANTITY], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(amount(args, 0) < amount(args, 1)))
    }),
    member("compareTo", &[QUANTITY, QUANTITY], Int, Cost::One, |_, args| {
        Ok(Val::Int(amount(args, 0).cmp(&amount(args, 1)) as i64))
    }),
    global("semver", &[Str], SEMVER, Cost::First, semver),
    global("isSemver", &[Str], Bool, Cost::First, |meter, args| Ok(Val::Bool(semver(meter, args).is_ok()))),
    member("major", &[SEMVER], Int, Cost::One, |_, args| Ok(Val::Int(version(args, 0).0[0] as i64))),
    member("minor", &[SEMVER], Int, Cost::One, |_, args| Ok(Val::Int(version(args, 0).0[1] as i64))),
    member("patch", &[SEMVER], Int, Cost::One, |_, args| Ok(Val::Int(version(args, 0).0[2] as i64))),
    member("isGreaterThan", &[SEMVER, SEMVER], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(versions(args) == Ordering::Greater))
    }),
    member("isLessThan", &[SEMVER, SEMVER], Bool, Cost::One, |_, args| {
        Ok(Val::Bool(versions(args) == Ordering::Less))
    }),
    member("compareTo", &[SEMVER, SEMVER], Int, Cost::One, |_, args| Ok(Val::Int(versions(args) as i64))),
];

fn amount(args: &[Val<'_>], index: usize) -> Amount {
    match args.get(index) {
        Some(Val::Quantity(amount)) => *amount,
        _ => Amount::default(),
    }
}

fn semver<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let source = text(args, 0);
    let failed = || EvalError::failed(format!("invalid semantic version {source:?}"));
    let release = source.split('+').next().unwrap_or_default();
    let numbers = release.split('-').next().unwrap_or_default();
    let number = |it: &str| {
        let plain = it.bytes().all(|b| b.is_ascii_digit()) && (it == "0" || !it.starts_with('0'));
        it.parse::<u32>().ok().filter(|_| plain).map(u64::from)
    };
    let parts: Option<Vec<u64>> = numbers.split('.').map(number).collect();
    let parts = parts.and_then(|it| <[u64; 3]>::try_from(it).ok()).ok_or_else(failed)?;
    Ok(Val::Semver(parts, release.into()))
}

/// A version's numbers, and what stands behind the dash.
fn version<'v>(args: &'v [Val<'_>], index: usize) -> ([u64; 3], &'v str) {
    match args.get(index) {
        Some(Val::Semver(parts, text)) => (*parts, text.split_once('-').map_or("", |it| it.1)),
        _ => ([0; 3], ""),
    }
}

/// The order of two versions: a pre-release comes before its release, numbers in it before words.
fn versions(args: &[Val<'_>]) -> Ordering {
    let ((one, early_one), (two, early_two)) = (version(args, 0), version(args, 1));
    let key = |it: &str| -> Vec<(bool, u64, String)> {
        let part =
            |it: &str| it.parse::<u64>().map_or((true, 0, it.to_owned()), |it| (false, it, String::new()));
        it.split('.').map(part).collect()
    };
    one.cmp(&two).then_with(|| match (early_one, early_two) {
        ("", "") => Ordering::Equal,
        ("", _) => Ordering::Greater,
        (_, "") => Ordering::Less,
        (one, two) => key(one).cmp(&key(two)),
    })
}

//! Numbers that may be percentages.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Which way a percentage is rounded.
#[derive(Clone, Copy)]
pub(crate) enum Round {
    Up,
    Down,
}

/// What a number or percentage of `whole` is. What is neither counts as zero; validation has refused it before.
pub(crate) fn portion(value: Option<&IntOrString>, whole: i32, round: Round) -> i32 {
    match value {
        None => 0,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(text)) => {
            let percent = text.strip_suffix('%').and_then(|it| it.parse::<i64>().ok()).unwrap_or(0);
            let hundredfold = percent.saturating_mul(whole.into());
            let up = match round {
                Round::Up => 99,
                Round::Down => 0,
            };
            i32::try_from(hundredfold.saturating_add(up).div_euclid(100)).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_told() {
        let check = |text: &str, whole, round, expect| {
            assert_eq!(portion(Some(&IntOrString::String(text.to_owned())), whole, round), expect);
        };
        check("25%", 4, Round::Up, 1);
        check("25%", 3, Round::Up, 1);
        check("25%", 3, Round::Down, 0);
        check("50%", 5, Round::Up, 3);
        check("100%", 5, Round::Down, 5);
        check("150%", 2, Round::Up, 3);
        check("x", 5, Round::Up, 0);
        assert_eq!(portion(Some(&IntOrString::Int(2)), 5, Round::Up), 2);
    }
}

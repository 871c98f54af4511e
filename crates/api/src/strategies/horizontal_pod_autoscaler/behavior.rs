//! How fast to scale, in the form that the annotation of a v1 autoscaler has: the names of upstream's own structures,
//! which older servers wrote and read so.

use super::annotations::{Amount, bare};
use k8s_openapi::api::autoscaling::v2::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior};
use serde::{Deserialize, Serialize};

/// How fast to scale, under the names that upstream's own structures have.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Behavior {
    #[serde(alias = "scaleUp")]
    scale_up: Option<Rules>,
    #[serde(alias = "scaleDown")]
    scale_down: Option<Rules>,
}

impl Behavior {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.scale_up.is_none() && self.scale_down.is_none()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rules {
    #[serde(alias = "stabilizationWindowSeconds")]
    stabilization_window_seconds: Option<i32>,
    #[serde(alias = "selectPolicy")]
    select_policy: Option<String>,
    #[serde(alias = "policies")]
    policies: Option<Vec<Policy>>,
    #[serde(alias = "tolerance")]
    tolerance: Option<Amount>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    #[serde(alias = "type")]
    r#type: String,
    #[serde(alias = "value")]
    value: i32,
    #[serde(alias = "periodSeconds")]
    period_seconds: i32,
}

impl From<HorizontalPodAutoscalerBehavior> for Behavior {
    fn from(it: HorizontalPodAutoscalerBehavior) -> Self {
        Self { scale_up: it.scale_up.map(Into::into), scale_down: it.scale_down.map(Into::into) }
    }
}

impl From<Behavior> for HorizontalPodAutoscalerBehavior {
    fn from(it: Behavior) -> Self {
        Self { scale_up: it.scale_up.map(Into::into), scale_down: it.scale_down.map(Into::into) }
    }
}

impl From<HPAScalingRules> for Rules {
    fn from(it: HPAScalingRules) -> Self {
        let policy = |it: HPAScalingPolicy| Policy {
            r#type: it.type_,
            value: it.value,
            period_seconds: it.period_seconds,
        };
        Self {
            stabilization_window_seconds: it.stabilization_window_seconds,
            select_policy: it.select_policy,
            policies: it.policies.map(|it| it.into_iter().map(policy).collect()),
            tolerance: it.tolerance.map(Amount),
        }
    }
}

impl From<Rules> for HPAScalingRules {
    fn from(it: Rules) -> Self {
        let policy = |it: Policy| HPAScalingPolicy {
            type_: it.r#type,
            value: it.value,
            period_seconds: it.period_seconds,
        };
        Self {
            stabilization_window_seconds: it.stabilization_window_seconds,
            select_policy: it.select_policy,
            policies: it.policies.map(|it| it.into_iter().map(policy).collect()),
            tolerance: bare(it.tolerance),
        }
    }
}

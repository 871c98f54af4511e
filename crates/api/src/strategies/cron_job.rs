//! How a CronJob behaves.

use crate::field::{Errors, Path};
use crate::strategies::cells::{CONTAINERS, IMAGES, NONE, SELECTOR, or_none, selector, since, tristate};
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities;
use crate::strategies::workload::{NAMES_PODS, name_warning, wide_cells};
use crate::strategies::{job, pod};
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct CronJobStrategy;

impl Behaviour for CronJobStrategy {
    type Object = CronJob;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Schedule", "When jobs are made, in cron's format."),
        Column::text("Timezone", "The time zone of the schedule."),
        Column::text("Suspend", "Whether no further jobs are made."),
        Column::number("Active", "How many jobs run."),
        Column::text("Last Schedule", "How long ago a job was made last."),
        Column::AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ];

    fn quantities(object: &mut CronJob, visit: &mut dyn FnMut(&mut Quantity)) {
        let job = object.spec.job_template.spec.as_mut();
        quantities::template(job.map(|it| &mut it.template), visit);
    }

    fn set_defaults(cron_job: &mut CronJob) {
        let spec = &mut cron_job.spec;
        text(&mut spec.concurrency_policy, "Allow");
        value(&mut spec.suspend, false);
        value(&mut spec.successful_jobs_history_limit, 3);
        value(&mut spec.failed_jobs_history_limit, 1);
        spec.job_template.metadata.get_or_insert_default();
        job::default_template(spec.job_template.spec.get_or_insert_default());
    }

    fn prepare_create(cron_job: &mut CronJob) {
        cron_job.status = Some(CronJobStatus::default());
    }

    fn validate(object: &CronJob) -> Errors {
        crate::validation::batch::cron_job(object)
    }

    fn warnings_create(object: &CronJob) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn warnings(object: &CronJob) -> Vec<String> {
        let path = Path::new("spec").child("jobTemplate").child("spec").child("template");
        let job = object.spec.job_template.spec.as_ref();
        job.map(|it| pod::warnings::template(&path, &it.template)).unwrap_or_default()
    }

    fn cells(cron_job: &CronJob, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (&cron_job.spec, cron_job.status.clone().unwrap_or_default());
        let last = status.last_schedule_time.map_or_else(|| NONE.to_owned(), |it| since(Some(it.0), now));
        let job = spec.job_template.spec.as_ref();
        let mut cells = vec![
            name_cell(&cron_job.metadata),
            spec.schedule.clone().into(),
            or_none(spec.time_zone.as_deref()).into(),
            tristate(spec.suspend).into(),
            status.active.map_or(0, |it| it.len()).into(),
            last.into(),
            age_cell(&cron_job.metadata, now),
        ];
        let selector = selector(job.and_then(|it| it.selector.as_ref()));
        cells.extend(wide_cells(job.map(|it| &it.template), &selector));
        cells
    }
}

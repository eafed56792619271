//! What every store does, whatever it is made of: one function per promise, one test of each per store.

mod claiming;
mod dead;
mod instances;
mod looking;
mod settling;
pub(crate) mod steps;

pub(crate) use claiming::*;
pub(crate) use dead::*;
pub(crate) use instances::*;
pub(crate) use looking::*;
pub(crate) use settling::*;

/// Makes a test of every part of the suite for one store: `conformance!(MyBench);`.
macro_rules! conformance {
    ($bench:ty) => {
        use $crate::conformance::*;
        $crate::conformance::tests_of!($bench:
            a_task_is_claimed_as_it_was_put,
            tasks_without_a_key_come_in_the_order_of_their_arrival,
            a_claim_takes_no_more_than_there_is_room_for,
            nothing_asked_is_nothing_done,
            bodies_may_be_any_bytes,
            a_task_is_not_claimed_before_its_time,
            a_wait_ends_when_a_task_is_put,
            a_wait_that_begins_late_still_ends,
            a_queue_that_is_full_takes_none_of_a_batch,
            copies_are_known,
            nobody_claims_while_it_is_paused,
            done_is_removed_and_its_result_found,
            each_settlement_has_its_answer,
            a_settled_claim_is_spent,
            a_duplicate_is_only_removed,
            what_was_tried_stays_claimed,
            what_is_released_is_at_the_head_in_its_order,
            what_comes_later_waits_for_its_time,
            what_is_due_at_once_keeps_its_order,
            what_was_given_back_is_no_delivery,
            what_is_done_is_forgotten_past_its_bound,
            the_dead_are_kept_with_their_reason,
            the_dead_come_back_at_the_end,
            the_dead_are_buried,
            the_dead_are_bounded,
            a_crash_gives_back_in_order,
            a_crash_forgets_no_attempt,
            a_lease_that_is_renewed_holds,
            a_lease_that_ran_out_is_fenced,
            one_that_was_fenced_begins_anew,
            keys_keep_their_order_between_instances,
            instances_at_work_at_once_double_and_overtake_nothing,
            closing_gives_back_at_once,
            another_instance_wakes_who_waits,
            what_is_stored_outlives_everybody,
            tasks_that_wait_are_looked_at_in_order,
            a_task_is_found_in_every_state,
            what_waits_can_be_cancelled,
            everything_is_counted,
        );
    };
}

/// Makes a test of each of these functions, in a place of its own.
macro_rules! tests_of {
    ($bench:ty: $($part:ident,)*) => {
        mod tests {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $part() {
                    $crate::bench::run::<$bench, _>(super::$part).await;
                }
            )*
        }
    };
}

pub(crate) use {conformance, tests_of};

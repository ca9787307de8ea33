//! Tests that every implementation of the store passes. Each takes an empty store, or one that other cases have used
//! (each case has a tenant of its own), and panics where it fails.

pub mod directory;
pub mod history;
pub mod log;
pub mod report;
pub mod sample;
pub mod sessions;

/// Calls a macro with the names of all cases, module by module, so that no implementation leaves one out.
#[macro_export]
macro_rules! conformance_cases {
    ($run:ident) => {
        $run! {
            log: the_newer_stamp_wins replays_change_nothing amendments_keep_versions keys_expire
                absent_values_leave_what_is_there checkpoints_go_forward states_come_last;
            history: cursors_have_no_holes numbered_pages_have_no_holes times_bound limits_are_told
                conversations_are_listed;
            sessions: sessions_are_listed sessions_change_hands;
            report: rollups_are_absolute;
            directory: one_deployment usernames_are_unique the_same_user_is_made_once updates_do_not_overwrite
                users_are_listed logins_live_and_end all_logins_end customers_are_listed customers_move_to_the_top;
        }
    };
}

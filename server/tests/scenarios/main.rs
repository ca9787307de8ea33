//! The scenarios, with the real binary, on both brokers.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod client;
mod command_line;
mod faults;
mod harness;
mod scenario;

macro_rules! scenarios {
    ($($theme:ident: $($name:ident),+;)+) => {
        /// The log is in the data folder.
        mod embedded {
            $($(scenarios!(Embedded $theme $name);)+)+
        }

        /// The log is in NATS JetStream.
        mod nats {
            $($(scenarios!(Nats $theme $name);)+)+
        }

        /// Every role has processes of its own, over three NATS servers, Valkey and Cassandra, behind a load balancer.
        mod cluster {
            $($(scenarios!(Cluster $theme $name);)+)+
        }
    };
    ($broker:ident $theme:ident $name:ident) => {
        #[test]
        fn $name() {
            crate::harness::run(crate::harness::scene::Broker::$broker, crate::scenario::$theme::$name);
        }
    };
}

scenarios! {
    agents_gone: a_vanished_agents_sessions_go_to_another, a_short_absence_costs_nothing,
        an_agent_who_goes_offline_gives_sessions_back;
    allocation: a_visitor_gets_the_least_loaded_agent, who_waits_is_told_the_place_and_served_in_order,
        nobody_online_means_waiting_until_somebody_comes, capacity_holds_under_fifty_visitors_at_once;
    answers: the_same_command_on_a_socket_gets_the_same_answer, only_the_last_answers_are_kept,
        the_same_request_gets_the_same_answer;
    carriers: everybody_chats_over_events_and_posts, everybody_chats_in_msgpack, a_stream_belongs_to_its_credential,
        bad_frames_are_refused_by_number, connections_that_do_not_keep_to_the_protocol_are_closed;
    connections: connections_are_listed_and_closed, who_is_here_is_known, a_user_has_so_many_connections;
    corrections: only_the_author_or_a_supervisor_corrects, an_author_edits_and_takes_back;
    credentials: logging_out_ends_that_login_only, a_new_password_ends_all_logins, a_disabled_agent_is_out_at_once,
        credentials_run_out, foreign_and_forged_tokens_are_refused, an_address_that_names_somebody_else_is_refused;
    customers: a_customers_coming_and_going_is_told_to_who_follows;
    description: every_described_call_is_there;
    devices: two_devices_of_a_user_see_the_same;
    isolation: another_customers_conversation_is_out_of_reach, customers_have_no_business_in_the_office;
    linking: an_anonymous_visitor_becomes_a_person, nobody_is_linked_without_both_proofs;
    logins: nobody_learns_which_agents_there_are, who_fails_too_often_is_locked_out,
        a_success_forgets_the_failures_before, calls_are_limited_by_user;
    nobody_here: a_message_is_left_while_nobody_is_there;
    notes: a_private_note_never_reaches_the_customer;
    privacy: nothing_personal_is_logged;
    problems: wrong_requests_are_problems_with_numbers, what_is_not_there_is_not_found, other_origins_are_kept_out;
    processes: what_processes_do_and_take_is_told;
    restart: what_was_acknowledged_survives_kill_9, a_chat_goes_on_after_a_restart;
    resume: a_broken_connection_resumes_while_messages_flow, what_was_not_answered_is_sent_again_once,
        messages_wait_for_who_is_away, a_cursor_that_is_no_cursor_is_not_recovered;
    sessions: a_session_ends_is_rated_and_counted, sessions_are_listed_by_what_is_asked, a_session_is_opened_once,
        sessions_are_picked_given_back_and_taken_over, agents_write_to_each_other;
    slow_reader: a_slow_reader_is_cut_off_and_resumes;
    stop: a_stop_tells_clients_and_loses_nothing, who_stays_is_closed_in_the_end,
        one_of_several_serves_on_until_balancers_have_looked;
    strangers: a_stranger_cannot_tell_what_exists;
    unread: unread_is_exact_by_request_and_on_the_socket, a_history_is_paged_without_holes;
    users: an_admin_administers_agents, agents_administer_nobody, another_role_means_logging_in_again,
        status_and_capacity_are_the_agents_own;
}

/// The broker has no part in it.
#[test]
fn garbage_harms_nobody() {
    harness::run(harness::scene::Broker::Embedded, scenario::garbage::garbage_harms_nobody);
}

/// Where deliveries travel.
#[test]
fn what_nats_loses_is_found() {
    harness::run(harness::scene::Broker::Nats, scenario::lost::what_is_lost_on_the_way_is_found);
}

/// Where they travel between processes.
#[test]
fn what_is_lost_between_processes_is_found() {
    harness::run(harness::scene::Broker::Cluster, scenario::lost::what_is_lost_on_the_way_is_found);
}

/// Where notices travel.
#[test]
fn a_notice_that_nats_loses_is_made_good() {
    harness::run(harness::scene::Broker::Nats, scenario::lost::a_session_whose_notice_is_lost_is_told);
}

/// Where they travel between processes.
#[test]
fn a_notice_lost_between_processes_is_made_good() {
    harness::run(harness::scene::Broker::Cluster, scenario::lost::a_session_whose_notice_is_lost_is_told);
}

/// Only where the log is a server of its own.
#[test]
fn the_broker_is_killed_under_load() {
    harness::run(harness::scene::Broker::Nats, scenario::restart::the_broker_is_killed_under_load);
}

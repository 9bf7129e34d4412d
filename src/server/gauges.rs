//! What is alive now, as one line in the log: SIGUSR1.

use super::Server;

impl Server {
    /// Logs every gauge. Without calls, and with the timers of the last ones run out, all but `connections`, `registrations`
    /// and `tasks` are zero.
    pub(super) async fn log_gauges(&self) {
        let Ok(sip) = self.sip.stats().await else { return };
        let gauges = &self.gauges;
        tracing::info!(
            event = "gauges",
            calls = gauges.calls.value(),
            rtp_sockets = gauges.rtp_sockets.value(),
            streams = gauges.streams.value(),
            flow_requests = gauges.flow_requests.value(),
            sip_calls = sip.calls,
            unanswered = sip.unanswered,
            dialogs = sip.dialogs,
            transactions = sip.transactions,
            subscriptions = sip.subscriptions,
            lookups = sip.lookups,
            connections = sip.connections,
            registrations = sip.registrations,
            tasks = self.signalling.metrics().num_alive_tasks(),
            retransmitted = sip.retransmitted,
            "gauges"
        );
    }
}

//! Towards the application: signed webhooks, flows and stream dialects

//! An actor runtime: supervised actors, bounded mailboxes, request-response, topics.

//! What travels in airssys messages: the codec prefix and the standard report.

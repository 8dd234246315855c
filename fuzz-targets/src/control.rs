//! The decoder of the control protocol, for both sides of the socket.

use airssys_wasm::control::{AnswerLine, Request, RequestLine, VERSION};

/// A line is a request or has a reason, whatever its bytes are. A request or an answer that is read
/// survives being written and read again.
pub fn control_lines(data: &[u8]) {
    match Request::read(data) {
        Ok(request) => {
            let line = RequestLine { version: VERSION, request };
            let written = serde_json::to_vec(&line).unwrap_or_default();
            assert_eq!(Request::read(&written), Ok(line.request));
        }
        Err(failed) => assert!(!failed.message.is_empty(), "a refusal has a reason"),
    }
    if let Ok(answer) = serde_json::from_slice::<AnswerLine>(data) {
        let written = serde_json::to_vec(&answer).unwrap_or_default();
        let again = serde_json::from_slice::<AnswerLine>(&written);
        assert!(again.is_ok_and(|again| again == answer), "an answer survives being written");
    }
}

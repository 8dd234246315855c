;; Traps in the callback of a request.
;;
;; expect: letter failed: trapped: wasm trap: wasm `unreachable`
;; may: request = ["silent"]
(module
  (import "airssys:component/messaging@0.2.0" "resolve" (func $resolve (param i32 i32 i32)))
  (import "airssys:component/messaging@0.2.0" "send-request" (func $request (param i32 i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    ;; Asks a component that never starts, and defers its own message.
    (call $resolve (i32.const 1024) (i32.const 6) (i32.const 400))
    (call $request (i32.load (i32.const 408)) (i32.const 1030) (i32.const 1) (i32.const 1) (i32.const 440))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.const 16))
  (func (export "airssys:component/handler@0.2.0#handle-callback") (param i64 i32 i32 i64 i64)
    (unreachable))
  (data (i32.const 1024) "silent\51"))

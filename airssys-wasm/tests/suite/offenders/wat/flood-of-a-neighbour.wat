;; Sends to another component without end.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
;; may: send = ["sink"]
(module
  (import "airssys:component/messaging@0.2.0" "resolve" (func $resolve (param i32 i32 i32)))
  (import "airssys:component/messaging@0.2.0" "send-message" (func $send (param i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $resolve (i32.const 1024) (i32.const 4) (i32.const 400))
    (loop $on
      (call $send (i32.load (i32.const 408)) (i32.const 1028) (i32.const 1) (i32.const 440))
      (br $on))
    (unreachable))
  (data (i32.const 1024) "sink\51"))

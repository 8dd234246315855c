;; Completes every message that it can guess, except its own. Each must be unknown.
;;
;; expect: handled
;; limits: execution_time = "10 s"
;; messages: 3
(module
  (import "airssys:component/messaging@0.2.0" "complete" (func $complete (param i64 i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $other i64)
    (loop $on
      (if (i64.ne (local.get $other) (local.get $id)) (then
        (call $complete (local.get $other) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 400))
        (if (i32.ne (i32.load8_u (i32.const 400)) (i32.const 1)) (then (unreachable)))))
      (br_if $on (i64.lt_u (local.tee $other (i64.add (local.get $other) (i64.const 1))) (i64.const 20000))))
    (i32.const 16)))

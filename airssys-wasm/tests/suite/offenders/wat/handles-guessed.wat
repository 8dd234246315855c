;; Sends to every handle that it can guess. Each must be unknown.
;;
;; expect: handled
;; limits: execution_time = "10 s"
(module
  (import "airssys:component/messaging@0.2.0" "send-message" (func $send (param i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $handle i32)
    (loop $on
      (call $send (local.get $handle) (i32.const 1024) (i32.const 1) (i32.const 400))
      ;; An error, of the third case.
      (if (i32.ne (i32.load8_u (i32.const 400)) (i32.const 1)) (then (unreachable)))
      (if (i32.ne (i32.load8_u (i32.const 408)) (i32.const 2)) (then (unreachable)))
      (br_if $on (i32.lt_u (local.tee $handle (i32.add (local.get $handle) (i32.const 1))) (i32.const 2000))))
    (call $send (i32.const -1) (i32.const 1024) (i32.const 1) (i32.const 400))
    (if (i32.ne (i32.load8_u (i32.const 408)) (i32.const 2)) (then (unreachable)))
    (i32.const 16))
  (data (i32.const 1024) "\51"))

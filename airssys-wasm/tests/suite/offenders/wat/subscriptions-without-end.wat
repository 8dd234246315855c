;; Subscribes to more and more patterns, until the host refuses.
;;
;; expect: handled
;; limits: subscriptions = 10
;; may: subscribe = ["news.*"]
(module
  (import "airssys:component/messaging@0.2.0" "subscribe" (func $subscribe (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $topic i32)
    (loop $on
      (i32.store8 (i32.const 1029) (i32.add (i32.const 97) (i32.rem_u (local.get $topic) (i32.const 26))))
      (i32.store8 (i32.const 1030) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $topic) (i32.const 26)) (i32.const 26))))
      (call $subscribe (i32.const 1024) (i32.const 7) (i32.const 400))
      (local.set $topic (i32.add (local.get $topic) (i32.const 1)))
      (br_if $on (i32.eqz (i32.load8_u (i32.const 400)))))
    (if (i32.ne (local.get $topic) (i32.const 11)) (then (unreachable)))
    (i32.const 16))
  (data (i32.const 1024) "news.__"))

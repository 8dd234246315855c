;; Makes more and more requests, until the host refuses.
;;
;; expect: handled
;; limits: concurrent_requests = 10
;; may: request = ["silent"]
(module
  (import "airssys:component/messaging@0.2.0" "resolve" (func $resolve (param i32 i32 i32)))
  (import "airssys:component/messaging@0.2.0" "send-request" (func $request (param i32 i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $made i32)
    (call $resolve (i32.const 1024) (i32.const 6) (i32.const 400))
    (loop $on
      (call $request (i32.load (i32.const 408)) (i32.const 1030) (i32.const 1) (i32.const 10) (i32.const 440))
      (local.set $made (i32.add (local.get $made) (i32.const 1)))
      (br_if $on (i32.eqz (i32.load8_u (i32.const 440)))))
    (if (i32.ne (local.get $made) (i32.const 11)) (then (unreachable)))
    (i32.const 16))
  (data (i32.const 1024) "silent\51"))

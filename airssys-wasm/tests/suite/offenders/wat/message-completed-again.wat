;; Rejects its message a thousand times. Each time but the first must be refused.
;;
;; expect: letter rejected: 
(module
  (import "airssys:component/messaging@0.2.0" "complete" (func $complete (param i64 i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $left i32)
    (local.set $left (i32.const 1000))
    (call $complete (local.get $id) (i32.const 2) (i32.const 1024) (i32.const 2) (i32.const 400))
    (if (i32.load8_u (i32.const 400)) (then (unreachable)))
    (loop $on
      (call $complete (local.get $id) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 400))
      (if (i32.ne (i32.load8_u (i32.const 400)) (i32.const 1)) (then (unreachable)))
      (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store8 (i32.const 16) (i32.const 1)) ;; deferred
    (i32.const 16))
  (data (i32.const 1024) "no"))

;; Asks for two thousand names. Each must be denied alike, also that of a neighbour.
;;
;; expect: handled
;; limits: execution_time = "10 s"
(module
  (import "airssys:component/messaging@0.2.0" "resolve" (func $resolve (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $name i32)
    (loop $on
      (call $resolve (i32.const 1024) (i32.const 9) (i32.const 400))
      ;; An error, of the first case.
      (if (i32.ne (i32.load8_u (i32.const 400)) (i32.const 1)) (then (unreachable)))
      (if (i32.load8_u (i32.const 408)) (then (unreachable)))
      (i32.store8 (i32.const 1032) (i32.add (i32.const 97) (i32.rem_u (local.get $name) (i32.const 26))))
      (i32.store8 (i32.const 1031) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $name) (i32.const 26)) (i32.const 26))))
      (br_if $on (i32.lt_u (local.tee $name (i32.add (local.get $name) (i32.const 1))) (i32.const 2000))))
    (i32.const 16))
  (data (i32.const 1024) "neighbour"))

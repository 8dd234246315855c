;; Cancels every request that it can guess. It has none.
;;
;; expect: handled
;; limits: execution_time = "10 s"
(module
  (import "airssys:component/messaging@0.2.0" "cancel-request" (func $cancel (param i64) (result i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $request i64)
    (loop $on
      (if (call $cancel (local.get $request)) (then (unreachable)))
      (br_if $on (i64.lt_u (local.tee $request (i64.add (local.get $request) (i64.const 1))) (i64.const 20000))))
    (if (call $cancel (i64.const -1)) (then (unreachable)))
    (i32.const 16)))

;; Never returns.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (br $on))
    (unreachable)))

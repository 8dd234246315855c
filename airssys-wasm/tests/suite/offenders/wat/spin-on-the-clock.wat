;; Asks for the time without end.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
(module
  (import "airssys:component/clock@0.2.0" "now-ms" (func $now (result i64)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (drop (call $now)) (br $on))
    (unreachable)))

;; Reports a panic without end, and never panics.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
(module
  (import "airssys:component/system@0.2.0" "report-panic" (func $report (param i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (call $report (i32.const 1024) (i32.const 30000)) (br $on))
    (unreachable)))

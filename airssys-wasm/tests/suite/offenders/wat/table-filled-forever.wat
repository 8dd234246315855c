;; Fills its table without end. No instruction inside is a loop.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on
      (table.fill $table (i32.const 0) (ref.null func) (i32.const 9000))
      (br $on))
    (unreachable))
  (table $table 9000 funcref))

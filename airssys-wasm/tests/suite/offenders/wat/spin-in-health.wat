;; Never returns from its first `health`.
;;
;; expect: start ran longer than its limit of 100 ms (execution_time)
(module
  (func (export "airssys:component/lifecycle@0.2.0#health") (result i32)
    (loop $on (br $on)) (unreachable)))

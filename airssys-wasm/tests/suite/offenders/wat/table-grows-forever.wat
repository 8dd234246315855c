;; Grows its table until the host refuses, then gives up.
;;
;; expect: letter failed: failed after it was refused table elements beyond its limit of 10000 (table_elements)
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (br_if $on (i32.ne (i32.const -1) (table.grow $table (ref.null func) (i32.const 100)))))
    (unreachable))
  (table $table 1 funcref))

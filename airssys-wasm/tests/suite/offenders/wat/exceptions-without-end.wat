;; Throws exceptions, which are objects outside of its memory, without end.
;;
;; expect: load exceptions
(module
  (tag $thrown)
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on
      (block $caught (try_table (catch $thrown $caught) (throw $thrown)))
      (br $on))
    (unreachable)))

;; Asks for its limits without end, whose texts the host makes anew.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
(module
  (import "airssys:component/system@0.2.0" "usage" (func $usage (param i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (call $usage (i32.const 400)) (br $on))
    (unreachable))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))

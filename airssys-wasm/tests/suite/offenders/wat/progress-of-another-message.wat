;; Writes a message as its progress that is not of its batch, and traps.
;;
;; expect: letter failed: trapped
;; messages: 20
(module
  (import "airssys:component/progress@0.2.0" "show" (func $show (param i32 i32)))
  (func (export "airssys:component/lifecycle@0.2.0#initialize") (param i32 i32) (result i32)
    (call $show (i32.const 64) (i32.const 1))
    (i32.const 16))
  (func (export "airssys:component/batch-handler@0.2.0#handle-batch")
    (param $first i64) (param $lengths i32) (param $count i32) (param $bodies i32) (param $bytes i32) (result i32)
    (i64.store (i32.const 64) (i64.const -1))
    (unreachable)))

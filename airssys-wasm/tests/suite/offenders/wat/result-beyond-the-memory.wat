;; Asks the host to put its result beyond the memory.
;;
;; expect: letter failed: trapped: 
(module
  (import "airssys:component/messaging@0.2.0" "send-batch" (func $send-batch (param i32 i32 i32 i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $send-batch (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65532))
    (i32.const 16)))

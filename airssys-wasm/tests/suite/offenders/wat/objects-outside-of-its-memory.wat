;; Has objects of the garbage collector, which are outside of its memory.
;;
;; expect: load gc
(module
  (type $bytes (array (mut i8)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (drop (array.new $bytes (i32.const 1) (i32.const 0x10000000)))
    (i32.const 16)))

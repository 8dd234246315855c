;; Lets the message overwrite the place of its own answer.
;;
;; expect: letter failed: trapped: 
(module
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 16)))

;; Gives the host an address beyond its memory.
;;
;; expect: letter failed: trapped: realloc return: beyond end of memory
(module
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (local.get 2) (i32.const 1)) (then (return (i32.const 32768)))) ;; not for a message
    (i32.const -16)))

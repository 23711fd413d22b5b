;; Dot products of one int8 query with rows of int8 numbers, 16 numbers at a time. `width` is a multiple of 16; the rest is filled with zeros.
;; Rows lie one behind the other from address `rows` on. Sums fit in 32 bits up to a width of 131,072 (127 * 127 * width < 2^31).
(module
  (memory (export "memory") 1 65536)

  (func $dot (param $row i32) (param $query i32) (param $width i32) (result i32)
    (local $end i32) (local $sum v128) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $row) (local.get $width)))
    (loop $next
      (local.set $a (v128.load (local.get $row)))
      (local.set $b (v128.load (local.get $query)))
      (local.set $sum
        (i32x4.add (local.get $sum)
          (i32x4.add
            (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $a)) (i16x8.extend_low_i8x16_s (local.get $b)))
            (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $a)) (i16x8.extend_high_i8x16_s (local.get $b))))))
      (local.set $query (i32.add (local.get $query) (i32.const 16)))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $end))))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
      (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))

  ;; sums[i] = query . row(first + i), for `count` rows that lie together
  (func (export "scan") (param $rows i32) (param $first i32) (param $count i32) (param $query i32) (param $width i32) (param $sums i32)
    (local $row i32)
    (if (i32.eqz (local.get $count)) (then (return)))
    (local.set $row (i32.add (local.get $rows) (i32.mul (local.get $first) (local.get $width))))
    (loop $next
      (i32.store (local.get $sums) (call $dot (local.get $row) (local.get $query) (local.get $width)))
      (local.set $row (i32.add (local.get $row) (local.get $width)))
      (local.set $sums (i32.add (local.get $sums) (i32.const 4)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; sums[i] = query . row(slots[i])
  (func (export "gather") (param $rows i32) (param $slots i32) (param $count i32) (param $query i32) (param $width i32) (param $sums i32)
    (if (i32.eqz (local.get $count)) (then (return)))
    (loop $next
      (i32.store (local.get $sums)
        (call $dot
          (i32.add (local.get $rows) (i32.mul (i32.load (local.get $slots)) (local.get $width)))
          (local.get $query) (local.get $width)))
      (local.set $slots (i32.add (local.get $slots) (i32.const 4)))
      (local.set $sums (i32.add (local.get $sums) (i32.const 4)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))

import React from 'react';

// Says hello.
export function Hello(props: { name: string }) {
  return <p>Hello, {props.name}</p>;
}

export const value0: number = 0;
export const value1: number = 1;
export const value2: number = 2;
export const value3: number = 3;
export const value4: number = 4;
export const value5: number = 5;
export const value6: number = 6;
export const value7: number = 7;
export const value8: number = 8;
export const value9: number = 9;
export const value10: number = 10;
export const value11: number = 11;
export const value12: number = 12;
export const value13: number = 13;
export const value14: number = 14;
export const value15: number = 15;
export const value16: number = 16;
export const value17: number = 17;
export const value18: number = 18;
export const value19: number = 19;
export const value20: number = 20;
export const value21: number = 21;
export const value22: number = 22;
export const value23: number = 23;
export const value24: number = 24;
export const value25: number = 25;
export const value26: number = 26;
export const value27: number = 27;
export const value28: number = 28;
export const value29: number = 29;

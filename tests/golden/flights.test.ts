import { testGoldenCases } from './cases.ts'

testGoldenCases('flights')

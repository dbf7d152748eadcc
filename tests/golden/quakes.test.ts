import { testGoldenCases } from './cases.ts'

testGoldenCases('quakes')

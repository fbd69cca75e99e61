using BenchmarkDotNet.Running;
using Grid.Benchmarks.Replication;

if (args is [SessionCost.Verb])
    SessionCost.Run();
else
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);

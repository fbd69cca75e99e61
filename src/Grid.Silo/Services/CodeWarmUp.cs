using System.Reflection;
using System.Runtime.CompilerServices;
using Grid.Replication.Primary;
using Grid.Silo.Snapshots;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>
/// Has the code compiled that a silo needs in a hurry and for the first time: for a takeover, a hand-over, a drain. A silo is stopped once in its life,
/// so without this its clients would always wait for the compiler. Once in a process, on the background threads, behind everything else.
/// </summary>
internal sealed partial class CodeWarmUp(BackgroundThreads background, ILogger<CodeWarmUp> logger) : ILifecycleParticipant<ISiloLifecycle>
{
    private static int _begun;

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(CodeWarmUp), ServiceLifecycleStage.Active, cancellation =>
    {
        if (Interlocked.Exchange(ref _begun, 1) == 0)
            _ = background.RunAsync(Prepare);
        return Task.CompletedTask;
    });

    private void Prepare()
    {
        int methods = 0;
        try
        {
            foreach (Assembly assembly in (Assembly[])[typeof(ShardPrimary).Assembly, typeof(CodeWarmUp).Assembly])
            {
                foreach (Type type in assembly.GetTypes().Where(static type => type is { IsInterface: false, ContainsGenericParameters: false }))
                    methods += Prepare(type);
            }

            LogPrepared(methods);
        }
        catch (Exception failure)
        {
            // What is not compiled now is compiled when it is called.
            LogNotPrepared(failure, methods);
        }
    }

    private static int Prepare(Type type)
    {
        int methods = 0;
        foreach (MethodInfo method in type.GetMethods(BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
        {
            if (method.IsAbstract || method.ContainsGenericParameters || method.GetMethodBody() is null)
                continue;
            RuntimeHelpers.PrepareMethod(method.MethodHandle);
            methods++;
        }

        return methods;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Methods} methods are compiled ahead of their first call")]
    private partial void LogPrepared(int methods);

    [LoggerMessage(Level = LogLevel.Debug, Message = "After {Methods} methods no more could be compiled ahead of their first call")]
    private partial void LogNotPrepared(Exception failure, int methods);
}

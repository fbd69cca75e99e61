using System.Runtime.InteropServices;

namespace Grid.Server.Terminals;

/// <summary>Turns Ctrl-C and SIGTERM into cancellation; a second one ends the process at once.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly PosixSignalRegistration[] _signals;

    public Interruption() => _signals = [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
    ];

    public CancellationToken Token => _cancellation.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
        _cancellation.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (_cancellation.IsCancellationRequested)
            Environment.Exit(ExitCode.Interrupted);
        _cancellation.Cancel();
    }
}

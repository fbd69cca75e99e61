using System.Runtime.InteropServices;
using Grid.Silo;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Serving;

/// <summary>
/// What SIGTERM and Ctrl-C mean to a silo beside what they mean to its host, which stops it: with the first it is not ready any more, with the
/// second it does not wait any longer for its shards to be elsewhere.
/// </summary>
internal sealed partial class DrainSignals : IDisposable
{
    private readonly GridDrain _drain;
    private readonly ILogger _logger;
    private readonly PosixSignalRegistration[] _signals;
    private int _heard;

    public DrainSignals(GridDrain drain, ILogger logger)
    {
        _drain = drain;
        _logger = logger;
        _signals = [PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal)];
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        // The host has its own ear for the first one; without this the second would end the process in the middle of its goodbyes.
        signal.Cancel = true;
        if (Interlocked.Increment(ref _heard) == 1)
        {
            _drain.Announce();
            return;
        }

        LogEnough(signal.Signal);
        _drain.EndWait();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A second {Signal}: the silo stops with what it has")]
    private partial void LogEnough(PosixSignal signal);
}
